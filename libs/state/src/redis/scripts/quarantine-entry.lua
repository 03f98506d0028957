-- Moves outbox entries that a node cannot parse out of the way, for a week.
local bad = key(BAD, OUTBOX)
for _, id in ipairs(ARGV) do
  local entry = redis.call("XRANGE", key(OUTBOX), id, id)[1]
  if entry then
    redis.call("XADD", bad, "MAXLEN", 100, "*", unpack(entry[2]))
    redis.call("XDEL", key(OUTBOX), id)
    quarantined = quarantined + 1
  end
end
redis.call("PEXPIRE", bad, QUARANTINE_MS)
return reply("done")
