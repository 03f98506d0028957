-- Stores a device that the store lost, unless it knows this generation or a newer one.
local name, given, generation, registered, updated, expires, lifetime, epoch, boot, id, peer, binding, sms, links, observed, rest, message_id = unpack(ARGV, 1, 17)
local now = clock(given)
generation, epoch = tonumber(generation), tonumber(epoch)
local old = load(name)
-- The device's owner knows better than who stored the same registration with an older owner, or without one.
local owns = old and old.generation == generation and boot ~= "" and (epoch > old.epoch or (epoch == old.epoch and old.boot == ""))
if old and old.generation >= generation and not owns then return reply("known", state_of(old)) end
local ended = ended_at(name)
if ended >= generation then return reply("known", false) end

if old then forget(old) end
-- An epoch never goes back: an owner of an older one has to claim the device again.
local least = old and old.epoch or ended * 256
if epoch <= least and not owns then epoch, boot = next_epoch(least, 0, now), "" end
local device = {
  name = name, generation = generation, registered = tonumber(registered), updated = tonumber(updated), seen = tonumber(updated),
  lifetime = tonumber(lifetime), epoch = epoch, boot = boot,
  message_id = old and (old.message_id + MESSAGE_ID_JUMP) % 65536 or tonumber(message_id),
  id = id, digest = "", peer = peer, binding = binding, sms = sms, links = links, observed = observed, rest = rest,
}
keep(device, tonumber(expires), { unpack(ARGV, 18) })
return reply("restored", state_of(device), old and old.packed or false)
