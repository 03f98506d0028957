-- Stores a device that the store lost, unless it knows this generation or a newer one. Of the same generation the later expiry holds: a store that fell back to
-- an older copy does not know by how much the device prolonged it since.
local name, given, generation, registered, updated, expires, lifetime, epoch, boot, id, peer, binding, sms, links, observed, rest, secured, message_id = unpack(ARGV, 1, 18)
local now = clock(given)
generation, epoch, updated, expires = tonumber(generation), tonumber(epoch), tonumber(updated), tonumber(expires)
local old = load(name)
local same = old and old.generation == generation
-- The device's owner knows better than who stored the same registration with an older owner, or without one, or than itself before an Update.
local owns = same and boot ~= ""
  and (epoch > old.epoch or (epoch == old.epoch and (old.boot == "" or (old.boot == boot and updated > old.updated))))
if old and old.generation >= generation and not owns then
  if same and expires > old.expires then
    set_expiry(old, expires)
    save(old)
  end
  return reply("known", state_of(old))
end
local ended = ended_at(name)
if ended >= generation then return reply("known", false) end

if old then forget(old) end
-- An epoch never goes back: an owner of an older one has to claim the device again.
local least = old and old.epoch or ended * 256
if epoch <= least and not owns then epoch, boot = next_epoch(least, 0, now), "" end
local device = {
  name = name, generation = generation, registered = tonumber(registered), updated = updated, seen = updated,
  lifetime = tonumber(lifetime), epoch = epoch, boot = boot,
  message_id = old and (old.message_id + MESSAGE_ID_JUMP) % 65536 or tonumber(message_id),
  id = id, digest = "", peer = peer, binding = binding, sms = sms, links = links, observed = observed, rest = rest, secured = secured == "1",
}
keep(device, expires, { unpack(ARGV, 19) })
return reply("restored", state_of(device), old and old.packed or false)
