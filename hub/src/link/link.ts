// The hub's end of the link: the port, and the transports that carry it.

export * from "./port.ts";
export { listenGrpc, type GrpcOptions } from "./grpc.ts";
