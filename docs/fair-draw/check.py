#!/usr/bin/env python3
"""Redoes a draw from its saved document: python3 check.py draw.json. Prints lane, number, place; stops at what is wrong."""
import functools, hashlib, hmac, json, math, sys

def sha(*parts): return hashlib.sha256(b"".join(parts)).digest()
def u32(number): return number.to_bytes(4, "big")

def places(key, n):
    a = math.isqrt(n - 1) + 1
    b = -(-n // a)
    @functools.lru_cache(maxsize=None)
    def f(turn, half): return int.from_bytes(sha(key, u32(n), bytes([turn]), u32(half))[:8], "big")
    def place(at):
        right, left = divmod(at, a)
        for turn in range(8):
            if turn % 2 == 0: left = (left + f(turn, right)) % a
            else: right = (right + f(turn, left)) % b
        at = right * a + left
        return at if at < n else place(at)
    return place

with open(sys.argv[1], encoding="utf-8") as file: draw = json.load(file)
name, seed = draw["algorithm"].encode(), bytes.fromhex(draw["seed"])
assert name == b"onsale-draw-1", "another draw"
assert sha(seed).hex() == draw["commitment"], "the seed is not the one that was promised"
total = b""
for lane in draw["lanes"]:
    lane["bytes"] = lane["lane"].encode()
    entries = [entry for entry in draw["entries"] if entry["lane"] == lane["lane"]]
    assert [entry["number"] for entry in entries] == list(range(lane["count"])), "a gap in the numbers"
    digest = sha(name, b"\0", draw["sale"].encode(), b"\0", lane["bytes"])
    for entry in entries:
        digest = sha(digest, u32(entry["number"]), entry["joined_at_ms"].to_bytes(8, "big"), bytes.fromhex(entry["leaf"]))
    assert digest.hex() == lane["digest"], "not the registrations of lane " + lane["lane"]
    total += lane["bytes"] + b"\0" + u32(lane["count"]) + digest
count = sum(lane["count"] for lane in draw["lanes"])
assert (count, sha(total).hex()) == (draw["registrations"]["count"], draw["registrations"]["digest"]), "the total"
for lane in draw["lanes"]:
    said = name + sha(total) + u32(count) + lane["bytes"] + b"\0" + (draw["beacon"] or "").encode()
    place = places(hmac.new(seed, said, hashlib.sha256).digest(), lane["count"]) if lane["count"] else None
    for number in range(lane["count"]): print(lane["lane"], number, place(number), sep="\t")
