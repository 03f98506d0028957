-- Reads a shard's devices in the order of their names, after a name; for the console.
local after, limit, tenant = unpack(ARGV)
local names = redis.call("ZRANGE", key(EXPIRIES), 0, -1)
table.sort(names)
local found = {}
for _, name in ipairs(names) do
  if #found == tonumber(limit) then break end
  if name > after and (tenant == "" or string.sub(name, 1, #tenant + 1) == tenant .. "/") then
    local device = load(name)
    if device then found[#found + 1] = { name, device.packed } end
  end
end
return reply("found", found)
