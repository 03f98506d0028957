-- Update: prolongs or changes a registration and makes the node its owner (OMA LwM2M Core 1.1.1 §6.2.2). What is empty stays as it was.
local id, sender, given, slot, boot, peer, binding, sms, lifetime, links = unpack(ARGV)
local device = find("id", id)
if not device or not is_senders(device, sender) then return reply("notFound") end

local now = clock(given)
local previous = take(device, tonumber(slot), boot, now)
local before = { device.peer, device.updated, device.lifetime }
local changes = {}
local function set(field, value, change)
  if value == "" or device[field] == value then return end
  device[field] = value
  changes[#changes + 1] = change
end
set("lifetime", tonumber(lifetime) or "", "lifetime")
set("binding", binding, "binding")
set("sms", sms, "sms")
set("links", links, "objects")
set("peer", peer, "peer")
device.updated = now
set_expiry(device, now + device.lifetime * 1000)
save(device)
local changed = table.concat(changes, ",")
local entry = publish_later(now, "updated", device.name, device.packed, changed)
return reply("updated", state_of(device), entry, previous, before, changed)
