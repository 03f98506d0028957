/** One row of the operation catalogue. */
export interface Method {
  /** As callers write it; case matters. */
  readonly name: string;
  /** One target by `id` or `key`, several by `ids` or `keys`, or none. */
  readonly kind: "target" | "composite" | "none";
  /** Answered from what the server knows, without a request to the device. */
  readonly local: boolean;
  /** `atMostOnce`: never sent a second time after a crash, for it does something each time. */
  readonly sideEffect: "atMostOnce" | undefined;
  /** Carried out now. A method that is not is answered as an unknown one is. */
  readonly offered: boolean;
}

/** Names of the methods that are carried out now. */
export type OfferedMethod =
  | "Read"
  | "Discover"
  | "WriteReplace"
  | "WriteUpdate"
  | "WriteAttributes"
  | "Execute"
  | "Observe"
  | "ObserveCancel";

/** The operation catalogue. */
export const METHODS: readonly Method[] = [
  { name: "Read", kind: "target", local: false, sideEffect: undefined, offered: true },
  { name: "ReadComposite", kind: "composite", local: false, sideEffect: undefined, offered: false },
  { name: "Discover", kind: "target", local: false, sideEffect: undefined, offered: true },
  { name: "DiscoverAll", kind: "none", local: true, sideEffect: undefined, offered: false },
  { name: "ObserveReadAll", kind: "none", local: true, sideEffect: undefined, offered: false },
  { name: "Observe", kind: "target", local: false, sideEffect: undefined, offered: true },
  { name: "ObserveComposite", kind: "composite", local: false, sideEffect: undefined, offered: false },
  { name: "ObserveCancel", kind: "target", local: true, sideEffect: undefined, offered: true },
  { name: "ObserveCompositeCancel", kind: "composite", local: true, sideEffect: undefined, offered: false },
  { name: "ObserveCancelAll", kind: "none", local: true, sideEffect: undefined, offered: false },
  { name: "Execute", kind: "target", local: false, sideEffect: "atMostOnce", offered: true },
  { name: "WriteReplace", kind: "target", local: false, sideEffect: undefined, offered: true },
  { name: "WriteUpdate", kind: "target", local: false, sideEffect: undefined, offered: true },
  { name: "WriteComposite", kind: "composite", local: false, sideEffect: undefined, offered: false },
  { name: "WriteAttributes", kind: "target", local: false, sideEffect: undefined, offered: true },
  { name: "Delete", kind: "target", local: false, sideEffect: "atMostOnce", offered: false },
  { name: "Create", kind: "target", local: false, sideEffect: "atMostOnce", offered: false },
];

const OFFERED = new Map(METHODS.filter(({ offered }) => offered).map((method) => [method.name, method]));

/** The method of that name, when it is offered. */
export function findMethod(name: string): Method | undefined {
  return OFFERED.get(name);
}
