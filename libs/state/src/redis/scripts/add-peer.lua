-- Adds a device to those that may use a source address: see peer-hints.ts. KEYS[1] is the hint; ARGV: name, how long it is kept, ms, most names.
-- Answers the other names.
local name, kept, max = unpack(ARGV)
local value = redis.call("GET", KEYS[1])
kept = math.max(tonumber(kept), redis.call("PTTL", KEYS[1]))
if value == "" then
  redis.call("PEXPIRE", KEYS[1], string.format("%.0f", kept))
  return {}
end
local others, packed, at = {}, struct.pack(">Hc0", #name, name), 1
while value and at <= #value do
  local other
  other, at = struct.unpack(">Hc0", value, at)
  if other ~= name then
    others[#others + 1] = other
    packed = packed .. struct.pack(">Hc0", #other, other)
  end
end
if #others >= tonumber(max) then packed = "" end
redis.call("SET", KEYS[1], packed, "PX", string.format("%.0f", kept))
return others
