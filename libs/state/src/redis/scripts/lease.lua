-- Takes the slot that this life has already, or the lowest that is free. KEYS[1] is what the slots' keys begin with; ARGV: entry (JSON without its slot), boot id,
-- lease in ms, first and last slot.
local entry, boot, lease_ms, first, last = unpack(ARGV)
local slot
for candidate = tonumber(last), tonumber(first), -1 do
  local held_by = holder(KEYS[1] .. candidate)
  if held_by == boot then
    slot = candidate
    break
  end
  if not held_by then slot = candidate end
end
if not slot then return false end

redis.call("SET", KEYS[1] .. slot, entry, "PX", lease_ms)
return slot
