-- Gives an association to a node, under a stamp that is after all that Redis and the node know of: decideClaim of association-rules.ts.
local name, id, slot, boot, ttl, given, after = unpack(ARGV)
local a = load(name)
if not a or a.id ~= id then return reply("gone") end

local now = math.floor(math.max(tonumber(given), clock()) / 1000)
local stamp = math.max(now, a.stamp + 1, tonumber(after) + 1)
local by_time = (stamp - math.floor(a.created / 1000)) * SEQUENCES_PER_SECOND - a.ceiling
local from = a.ceiling + math.max(SEQUENCE_GAP, math.min(by_time, MAX_SEQUENCE_JUMP))
local ceiling = from + SEQUENCE_BLOCK
if a.stamp > now + MAX_STAMP_LEAD_S or ceiling > MAX_SEQUENCE then
  forget(name)
  return reply("gone")
end
local previous = a.packed
a.slot, a.boot, a.stamp, a.ceiling = tonumber(slot), boot, stamp, ceiling
return reply("claimed", keep(name, a, tonumber(ttl)), a.stamp, from, ceiling, previous)
