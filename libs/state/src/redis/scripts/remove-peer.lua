-- Removes devices from those that may use a source address: see peer-hints.ts. KEYS[1] is the hint; ARGV: names.
local value = redis.call("GET", KEYS[1])
if not value or value == "" then return 0 end
local gone = {}
for _, name in ipairs(ARGV) do gone[name] = true end
local packed, at = "", 1
while at <= #value do
  local name
  name, at = struct.unpack(">Hc0", value, at)
  if not gone[name] then packed = packed .. struct.pack(">Hc0", #name, name) end
end
if packed == "" then redis.call("DEL", KEYS[1]) else redis.call("SET", KEYS[1], packed, "KEEPTTL") end
return 1
