// The gRPC library, in a module of its own so that it can be loaded late: a bundler gives the named exports of a CommonJS
// package only to a static import.
import * as grpc from '@grpc/grpc-js';

export { grpc };
