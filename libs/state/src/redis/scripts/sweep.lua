-- Ends what lapsed and hands over the outbox, if no other live node sweeps the shard. The lease is checked in the step that acts
-- under it, so a node that lost it unawares does nothing.
local boot, given, age, grace, limit, lease = unpack(ARGV)
local now = clock(given)
limit = tonumber(limit)
local holder, held_until = string.match(redis.call("GET", key(LEASE)) or "", "^(.*) (%d+)$")
if holder and holder ~= boot and now < tonumber(held_until) then return reply("leased") end
local old = redis.call("XRANGE", key(OUTBOX), "-", string.format("%.0f", now - age), "COUNT", limit + 1)
local more = #old > limit
if more then old[#old] = nil end

local due = string.format("%.0f", now - grace)
local lapsed = redis.call("ZRANGEBYSCORE", key(EXPIRIES), "-inf", due, "LIMIT", 0, limit + 1)
if #lapsed > limit then
  more = true
  lapsed[#lapsed] = nil
end
local expired = {}
for _, name in ipairs(lapsed) do
  local device = load(name)
  if not device then
    redis.call("ZREM", key(EXPIRIES), name)
  elseif device.expires > now - grace then
    set_expiry(device, device.expires)
  else
    local entry = finish_registration(device, "expired", now, EXPIRED_REASON)
    expired[#expired + 1] = { entry, { "k", "expired", "n", name, "v", device.packed, "w", EXPIRED_REASON } }
  end
end
-- What is handed over takes its time to be published.
if #old > 0 or #expired > 0 then lease = SWEEP_LEASE_MS end
local lapses = string.format("%.0f", now + lease)
redis.call("SET", key(LEASE), boot .. " " .. lapses, "PXAT", lapses)
return reply("swept", old, expired, more and 1 or 0)
