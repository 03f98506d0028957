-- Reads this life of the store and moves its high-water second on. KEYS[1] the incarnation; ARGV: id that the caller saw last (empty at first), the caller, how
-- often it had called by then, an id for a new life, and how long the caller is remembered, s.
-- Another server process is another life: a replica that was promoted, or a log that was read back, may lack the last second (Redis' run_id). A copy that was
-- put back into the same process shows by the calls. Each caller counts for itself: one that comes first to an older copy of the store, and has nothing to
-- compare it with, must not hide it from the others.
local seen_id, caller, seen_calls, new_id, memory_s = unpack(ARGV)
local now = tonumber(redis.call("TIME")[1])
local run = string.match(redis.call("INFO", "server"), "run_id:(%x+)") or ""
local id, second, ran = string.match(redis.call("GET", KEYS[1]) or "", "^(%x+) (%d+) ?(%x*)$")
local own = KEYS[1] .. ":" .. caller
local calls = tonumber(redis.call("GET", own) or 0) or 0
seen_calls = tonumber(seen_calls)
if not id or (ran ~= "" and ran ~= run) or (id == seen_id and calls < seen_calls) then
  id, second = new_id, now
end
second = math.max(tonumber(second), now)
calls = math.max(calls, seen_calls) + 1
redis.call("SET", KEYS[1], string.format("%s %.0f %s", id, second, run))
redis.call("SET", own, calls, "EX", memory_s)
return { id, second, calls, redis.call("GET", KEYS[1] .. RESTORED) or "" }
