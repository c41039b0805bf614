// The agent's end of the link: the port, the transports that carry it, and the first contact.

export * from "./port.ts";
export { dialGrpc } from "./grpc.ts";
export { enroll, type EnrollOptions } from "./enroll.ts";
