-- Update: prolongs or changes a registration and makes the node its owner (OMA LwM2M Core 1.1.1 §6.2.2). What is empty stays as it was.
local id, given, slot, boot, peer, binding, sms, lifetime, links = unpack(ARGV)
local device = find("id", id)
if not device then return reply("notFound") end

local now = clock(given)
local previous = take(device, tonumber(slot), boot, now)
local before = { device.peer, device.updated, device.lifetime }
device.peer = peer
device.updated = now
if binding ~= "" then device.binding = binding end
if sms ~= "" then device.sms = sms end
if lifetime ~= "" then device.lifetime = tonumber(lifetime) end
if links ~= "" then device.links = links end
set_expiry(device, now + device.lifetime * 1000)
save(device)
local entry = publish_later(now, "updated", device.name, device.packed, "")
return reply("updated", state_of(device), entry, previous, before)
