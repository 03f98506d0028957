-- Register: replaces whatever registration the device has (OMA LwM2M Core 1.1.1 §6.2.1).
local name, given, slot, boot, id, digest, peer, binding, sms, lifetime, links, observed, rest, secured, message_id = unpack(ARGV, 1, 15)
local now = clock(given)
local old = load(name)
if old and old.digest == digest and now - old.registered < REGISTER_MEMORY_MS then
  return reply("repeated", state_of(old))
end

local ended = 0
if old then
  forget(old)
else
  ended = ended_at(name)
end
local device = {
  name = name, generation = math.max((old and old.generation or ended) + 1, now), registered = now, updated = now, seen = now,
  lifetime = tonumber(lifetime), epoch = next_epoch(old and old.epoch or ended * 256, tonumber(slot), now), boot = boot,
  message_id = old and (old.message_id + MESSAGE_ID_JUMP) % 65536 or tonumber(message_id),
  id = id, digest = digest, peer = peer, binding = binding, sms = sms, links = links, observed = observed, rest = rest, secured = secured == "1",
}
keep(device, now + lifetime * 1000, { unpack(ARGV, 16) })
local entry = publish_later(now, "registered", name, device.packed, old and old.id or "")
return reply("registered", state_of(device), entry, old and old.packed or false)
