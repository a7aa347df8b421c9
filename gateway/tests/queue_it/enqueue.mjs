// A shop that proves who is coming: reads {packages, account, secret, wanted} from standard input and writes an enqueue
// token for each that is wanted, made by the vendor's package.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { packages, account, secret, wanted } = JSON.parse(readFileSync(0, "utf8"));
const { Token, Payload } = createRequire(packages)("@queue-it/queue-token");

function minted(want) {
  let token = Token.Enqueue(want.account ?? account, want.prefix);
  if (want.payload) {
    let payload = Payload.Enqueue();
    if (want.key != null) payload = payload.WithKey(want.key);
    if (want.quality != null) payload = payload.WithRelativeQuality(want.quality);
    for (const [name, value] of Object.entries(want.custom ?? {})) payload = payload.WithCustomData(name, value);
    if (want.origin) payload = payload.WithOrigin(want.origin);
    token = token.WithPayload(payload.Generate());
  }
  if (want.event) token = token.WithEventId(want.event);
  if (want.ip) token = token.WithIpAddress(want.ip, "45.67.2.4,34.56.3.2");
  if (want.valid_ms != null) token = token.WithValidity(want.valid_ms);
  const made = token.Generate(want.secret ?? secret);
  return { token: made.Token, id: made.TokenIdentifier, issued_at_ms: made.Issued.getTime() };
}

process.stdout.write(JSON.stringify(wanted.map(minted)));
