/** One row of the operation catalogue. */
export interface Method {
  /** As callers write it; case matters. */
  readonly name: MethodName;
  /** One target by `id` or `key`, several by `ids`, `keys` or `nodes`, or none. */
  readonly kind: "target" | "composite" | "none";
  /** Answered from what the server knows, without a request to the device. */
  readonly local: boolean;
  /** `atMostOnce`: never sent a second time after a crash, for it does something each time. */
  readonly sideEffect: "atMostOnce" | undefined;
}

/** Names of the methods. */
export type MethodName =
  | "Read"
  | "ReadComposite"
  | "Discover"
  | "DiscoverAll"
  | "ObserveReadAll"
  | "Observe"
  | "ObserveComposite"
  | "ObserveCancel"
  | "ObserveCompositeCancel"
  | "ObserveCancelAll"
  | "Execute"
  | "WriteReplace"
  | "WriteUpdate"
  | "WriteComposite"
  | "WriteAttributes"
  | "Delete"
  | "Create";

/** The operation catalogue. */
export const METHODS: readonly Method[] = [
  { name: "Read", kind: "target", local: false, sideEffect: undefined },
  { name: "ReadComposite", kind: "composite", local: false, sideEffect: undefined },
  { name: "Discover", kind: "target", local: false, sideEffect: undefined },
  { name: "DiscoverAll", kind: "none", local: true, sideEffect: undefined },
  { name: "ObserveReadAll", kind: "none", local: true, sideEffect: undefined },
  { name: "Observe", kind: "target", local: false, sideEffect: undefined },
  { name: "ObserveComposite", kind: "composite", local: false, sideEffect: undefined },
  { name: "ObserveCancel", kind: "target", local: true, sideEffect: undefined },
  { name: "ObserveCompositeCancel", kind: "composite", local: true, sideEffect: undefined },
  { name: "ObserveCancelAll", kind: "none", local: true, sideEffect: undefined },
  { name: "Execute", kind: "target", local: false, sideEffect: "atMostOnce" },
  { name: "WriteReplace", kind: "target", local: false, sideEffect: undefined },
  { name: "WriteUpdate", kind: "target", local: false, sideEffect: undefined },
  { name: "WriteComposite", kind: "composite", local: false, sideEffect: undefined },
  { name: "WriteAttributes", kind: "target", local: false, sideEffect: undefined },
  { name: "Delete", kind: "target", local: false, sideEffect: "atMostOnce" },
  { name: "Create", kind: "target", local: false, sideEffect: "atMostOnce" },
];

const BY_NAME: ReadonlyMap<string, Method> = new Map(METHODS.map((method) => [method.name, method]));

/** The method of that name. */
export function findMethod(name: string): Method | undefined {
  return BY_NAME.get(name);
}
