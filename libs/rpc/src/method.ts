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
  /** Parameters by which callers can see how it is used; empty where there are none. */
  readonly example: string;
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
  { name: "Read", kind: "target", local: false, sideEffect: undefined, example: '{"id":"/3/0/9"}' },
  { name: "ReadComposite", kind: "composite", local: false, sideEffect: undefined, example: '{"ids":["/3/0/9","/1"]}' },
  { name: "Discover", kind: "target", local: false, sideEffect: undefined, example: '{"id":"/3/0"}' },
  { name: "DiscoverAll", kind: "none", local: true, sideEffect: undefined, example: "" },
  { name: "ObserveReadAll", kind: "none", local: true, sideEffect: undefined, example: "" },
  { name: "Observe", kind: "target", local: false, sideEffect: undefined, example: '{"id":"/3/0/9"}' },
  {
    name: "ObserveComposite",
    kind: "composite",
    local: false,
    sideEffect: undefined,
    example: '{"ids":["/3/0/9","/5/0"]}',
  },
  { name: "ObserveCancel", kind: "target", local: true, sideEffect: undefined, example: '{"id":"/3/0/9"}' },
  {
    name: "ObserveCompositeCancel",
    kind: "composite",
    local: true,
    sideEffect: undefined,
    example: '{"ids":["/3/0/9","/5/0"]}',
  },
  { name: "ObserveCancelAll", kind: "none", local: true, sideEffect: undefined, example: "" },
  { name: "Execute", kind: "target", local: false, sideEffect: "atMostOnce", example: '{"id":"/3/0/4"}' },
  {
    name: "WriteReplace",
    kind: "target",
    local: false,
    sideEffect: undefined,
    example: '{"id":"/3/0/14","value":"+02"}',
  },
  {
    name: "WriteUpdate",
    kind: "target",
    local: false,
    sideEffect: undefined,
    example: '{"id":"/3/0","value":{"14":"+10","15":"Europe/Paris"}}',
  },
  {
    name: "WriteComposite",
    kind: "composite",
    local: false,
    sideEffect: undefined,
    example: '{"nodes":{"/3/0/14":"+04","/1/0/2":100}}',
  },
  {
    name: "WriteAttributes",
    kind: "target",
    local: false,
    sideEffect: undefined,
    example: '{"id":"/3303/0/5700","attributes":{"pmin":5,"pmax":60}}',
  },
  { name: "Delete", kind: "target", local: false, sideEffect: "atMostOnce", example: '{"id":"/19/1"}' },
  {
    name: "Create",
    kind: "target",
    local: false,
    sideEffect: "atMostOnce",
    example: '{"id":"/19/1","value":{"0":{"0":"00ac"}}}',
  },
];

const BY_NAME: ReadonlyMap<string, Method> = new Map(METHODS.map((method) => [method.name, method]));

/** The method of that name. */
export function findMethod(name: string): Method | undefined {
  return BY_NAME.get(name);
}
