// Quantities. Source: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-quantity-library
import {
  addQuantities,
  compareQuantities,
  parseQuantity,
  type Quantity,
  quantityOf,
  quantityProblem,
  subtractQuantities,
  toNumber,
} from '../../meta/quantity.ts';
import { boolType, doubleType, intType, quantityType, stringType } from '../types.ts';
import { type CelOpaque, Failure, type Result } from '../values.ts';
import { fn, type Library, method, traversal } from './declare.ts';

class QuantityValue implements CelOpaque {
  readonly opaqueType = 'kubernetes.Quantity';
  readonly quantity: Quantity;
  constructor(quantity: Quantity) {
    this.quantity = quantity;
  }
  equals(other: CelOpaque): boolean {
    return other instanceof QuantityValue && compareQuantities(this.quantity, other.quantity) === 0;
  }
}

/** Where quantities saturate: what stands here may have been more. */
const largest = 2n ** 63n - 1n;

const isInteger = ({ quantity }: QuantityValue): boolean =>
  quantity.scale === 0 && quantity.mantissa < largest && quantity.mantissa > -largest;

function parse(text: string): Result {
  const problem = quantityProblem(text);
  return problem === undefined ? new QuantityValue(parseQuantity(text)) : new Failure(problem);
}

type Operation = (a: Quantity, b: Quantity) => Quantity;

const arithmetic = (name: string, operation: Operation) => [
  method(
    `quantity_${name}`,
    [quantityType, quantityType],
    quantityType,
    (a: QuantityValue, b: QuantityValue) => new QuantityValue(operation(a.quantity, b.quantity)),
  ),
  method(
    `quantity_${name}_int`,
    [quantityType, intType],
    quantityType,
    (a: QuantityValue, b: bigint) => new QuantityValue(operation(a.quantity, quantityOf(b, 'DecimalExponent'))),
  ),
];

const compare = (a: QuantityValue, b: QuantityValue): number => compareQuantities(a.quantity, b.quantity);

export const quantities: Library = {
  quantity: [fn('string_to_quantity', [stringType], quantityType, parse, traversal())],
  isQuantity: [fn('is_quantity_string', [stringType], boolType, (text: string) => quantityProblem(text) === undefined, traversal())],
  sign: [
    method('quantity_sign', [quantityType], intType, ({ quantity }: QuantityValue) =>
      quantity.mantissa === 0n ? 0n : quantity.mantissa < 0n ? -1n : 1n,
    ),
  ],
  isInteger: [method('quantity_is_integer', [quantityType], boolType, isInteger)],
  asInteger: [
    method('quantity_get_int', [quantityType], intType, (value: QuantityValue) =>
      isInteger(value) ? value.quantity.mantissa : new Failure('cannot convert value to integer'),
    ),
  ],
  asApproximateFloat: [method('quantity_get_float', [quantityType], doubleType, ({ quantity }: QuantityValue) => toNumber(quantity))],
  add: arithmetic('add', addQuantities),
  sub: arithmetic('sub', subtractQuantities),
  isGreaterThan: [
    method('quantity_is_greater_than', [quantityType, quantityType], boolType, (a: QuantityValue, b: QuantityValue) => compare(a, b) > 0),
  ],
  isLessThan: [
    method('quantity_is_less_than', [quantityType, quantityType], boolType, (a: QuantityValue, b: QuantityValue) => compare(a, b) < 0),
  ],
  compareTo: [
    method('quantity_compare_to', [quantityType, quantityType], intType, (a: QuantityValue, b: QuantityValue) => BigInt(compare(a, b))),
  ],
};
