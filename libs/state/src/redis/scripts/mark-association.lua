-- Stores how far the owner of an association has received, and where from.
local name, id, slot, boot, stamp, ceiling, ttl, newest, window, address = unpack(ARGV)
local a = load(name)
local refused = refuse(a, id, tonumber(slot), boot, tonumber(stamp), tonumber(ceiling))
if refused then return reply(refused) end

local before, address_before = a.packed, a.address
receive(a, tonumber(newest), window, address)
return reply("done", keep(name, a, tonumber(ttl)), a.address ~= address_before and before)
