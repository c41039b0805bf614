// What other forges than Gitea say when something was pushed: enough of it for the hub to believe, and to look.

import { createHmac } from "node:crypto";

export type ForgePush = { readonly cloneUrl: string; readonly after: string; readonly ref?: string };

type Form = { readonly body: object; readonly headers: (text: string, secret: string) => Readonly<Record<string, string>> };

const forms = {
  github: ({ cloneUrl, after, ref = "refs/heads/main" }: ForgePush): Form => ({
    body: { ref, after, repository: { full_name: "team/x", clone_url: cloneUrl, html_url: cloneUrl.replace(/\.git$/, "") } },
    headers: (text, secret) => ({
      "x-github-event": "push",
      "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(text).digest("hex")}`,
    }),
  }),
  gitlab: ({ cloneUrl, after, ref = "refs/heads/main" }: ForgePush): Form => ({
    body: { object_kind: "push", ref, after, project: { git_http_url: cloneUrl } },
    headers: (_, secret) => ({ "x-gitlab-event": "Push Hook", "x-gitlab-token": secret }),
  }),
} as const;

export type Forge = keyof typeof forms;

/** Tells the hub of a push, in the form of a forge; gives the status of its answer. */
export async function tellPush(apiUrl: string, forge: Forge, secret: string, push: ForgePush): Promise<number> {
  const { body, headers } = forms[forge](push);
  const text = JSON.stringify(body);
  const answer = await fetch(`${apiUrl}/webhooks/${forge}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers(text, secret) },
    body: text,
  });
  await answer.arrayBuffer();
  return answer.status;
}
