// For whom a signed word has to be, to be meant for this agent.

export type Audience = { readonly fleet: string; readonly cluster: string; readonly clusterUid: string };
