-- Takes a slot. KEYS[1] is what the slots' keys begin with; ARGV: entry (JSON without its slot), boot id, lease in ms, number of slots, slot or empty.
local entry, boot, lease_ms, slots, wanted = unpack(ARGV)
local slot = tonumber(wanted)
if not slot then
  for candidate = slots - 1, 0, -1 do
    local held_by = holder(KEYS[1] .. candidate)
    if held_by == boot then
      slot = candidate
      break
    end
    if not held_by then slot = candidate end
  end
end
if not slot then return false end

local held_by = holder(KEYS[1] .. slot)
if held_by and held_by ~= boot then return false end
redis.call("SET", KEYS[1] .. slot, entry, "PX", lease_ms)
return slot
