-- Gives the owner of an association the numbers behind its ceiling; a repeat gets the same.
local name, id, slot, boot, stamp, ceiling, ttl = unpack(ARGV)
local a = load(name)
local refused = refuse(a, id, tonumber(slot), boot, tonumber(stamp), tonumber(ceiling))
if refused then return reply(refused) end

a.ceiling = math.max(a.ceiling, ceiling + SEQUENCE_BLOCK)
if a.ceiling > MAX_SEQUENCE then
  forget(name)
  return reply("gone")
end
return reply("reserved", keep(name, a, tonumber(ttl)), a.ceiling)
