// A shop with the open-source connector. Reads {packages, calls} from standard input, makes each call of the connector
// with a request made up from its fields, and writes what came of each: where the visitor is sent, which place and reason
// the connector saw, which cookies it set, or what it threw. The HMAC is Node's own, as the connector leaves it to its host.

import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { packages, account, secret, calls } = JSON.parse(readFileSync(0, "utf8"));
const require = createRequire(packages);
const { KnownUser, QueueEventConfig, CancelEventConfig, DefaultEnqueueTokenProvider } =
  require("@queue-it/connector-javascript");
const { Token, Payload } = require("@queue-it/queue-token");

function context(call, cookies) {
  const headers = call.headers ?? {};
  return {
    getHttpRequest: () => ({
      getUserAgent: () => call.agent ?? "",
      getHeader: (name) => headers[name] ?? "",
      getAbsoluteUri: () => call.url,
      getUserHostAddress: () => call.ip ?? "",
      getCookieValue: (name) => call.cookies?.[name],
      getRequestBodyAsString: () => call.body ?? "",
    }),
    getHttpResponse: () => ({
      setCookie: (name, value, domain, expires) => cookies.push({ name, value, expires }),
    }),
    getCryptoProvider: () => ({
      getSha256Hash: (key, text) => createHmac("sha256", key).update(text).digest("hex"),
    }),
    getEnqueueTokenProvider: () =>
      call.enqueue
        ? new DefaultEnqueueTokenProvider(account, secret, 60000, call.ip, true, Token, Payload)
        : null,
  };
}

function made(call, host) {
  const url = new URL(call.url);
  const token = call.token ?? url.searchParams.get("queueittoken") ?? "";
  const bare = call.url.replace(/[?&]queueittoken=[^&#]*/, "");
  const page = [call.domain, call.prefix ?? "", null, false, false, 3, "book a seat"];
  switch (call.kind) {
    case "queue": {
      const config = new QueueEventConfig(
        call.event, call.also ?? [], "dark", "de-DE", call.domain, call.prefix ?? "", call.extend ?? true,
        20, null, true, true, 3, "book a seat",
      );
      return KnownUser.resolveQueueRequestByLocalConfig(bare, token, config, account, secret, host, "");
    }
    case "cancel":
      return KnownUser.cancelRequestByLocalConfig(
        bare, token, new CancelEventConfig([call.event, ...(call.also ?? [])], ...page), account, secret, host,
      );
    case "integration":
      return KnownUser.validateRequestByIntegrationConfig(bare, token, call.integration, account, secret, host, "");
  }
  throw new Error(`no such call: ${call.kind}`);
}

// Some calls are made later than they are: the connector asks no other clock.
const Time = globalThis.Date;
let ahead = 0;
globalThis.Date = class extends Time {
  constructor(...at) { super(...(at.length ? at : [Time.now() + ahead])); }
  static now() { return Time.now() + ahead; }
};

const answers = [];
for (const call of calls) {
  const cookies = [];
  ahead = (call.later_s ?? 0) * 1000;
  try {
    const result = await made(call, context(call, cookies));
    answers.push({
      action: result.actionType,
      ajax: result.isAjaxResult ? result.getAjaxRedirectUrl() : null,
      cookies,
      name: result.actionName,
      queue: result.queueId || null,
      redirect: result.doRedirect() ? result.redirectUrl : null,
      threw: null,
      type: result.redirectType,
    });
  } catch (error) {
    answers.push({ cookies, threw: String(error) });
  }
}
process.stdout.write(JSON.stringify(answers));
