-- Stores a record unless a newer one is there. KEYS[1] is the slot's prefix; ARGV: kind, name, offset, packed record.
local kind, name, offset, packed = unpack(ARGV)
local records = KEYS[1] .. RECORDS .. kind
local current = redis.call("HGET", records, name)
-- Version, then the offset: see provisioning-record.ts. What does not parse is replaced.
if current and #current >= 7 and select(2, struct.unpack(">BI6", current)) > tonumber(offset) then return 0 end
redis.call("HSET", records, name, packed)
return 1
