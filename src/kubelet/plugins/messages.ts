// The kubelet's registration of plugins, v1 (package pluginregistration): what a plugin serves on its socket, by field number.
// Source: k8s.io/kubelet/pkg/apis/pluginregistration/v1, release 1.36.
import { bool, field, message, repeated, string } from '../../base/protobuf/mod.ts';

const service = '/pluginregistration.Registration';

export const registrationMethods = {
  info: {
    path: `${service}/GetInfo`,
    request: message({}),
    response: message({
      type: field(1, string),
      name: field(2, string),
      endpoint: field(3, string),
      supportedVersions: repeated(4, string),
    }),
  },
  notify: {
    path: `${service}/NotifyRegistrationStatus`,
    request: message({ pluginRegistered: field(1, bool), error: field(2, string) }),
    response: message({}),
  },
};
