-- Stores a record unless a newer one is there. KEYS[1] is the slot's prefix; ARGV: kind, name, offset, packed record.
local kind, name, offset, packed = unpack(ARGV)
local records = KEYS[1] .. RECORDS .. kind
local current = redis.call("HGET", records, name)
-- Version, then the offset: see provisioning-record.ts. What does not parse is replaced.
if current and #current >= 7 then
  local version, stored = struct.unpack(">BI6", current)
  if version == 1 and stored > tonumber(offset) then return 0 end
end
redis.call("HSET", records, name, packed)
return 1
