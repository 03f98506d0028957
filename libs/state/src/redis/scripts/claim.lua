-- Makes the node that received an authenticated datagram the owner.
local proof, value, sender, given, slot, boot, peer = unpack(ARGV)
local device = find(proof, value)
local now = clock(given)
if not device or not is_senders(device, sender) or now >= device.expires + EXPIRY_GRACE_MS then return reply("notFound") end

local previous = take(device, tonumber(slot), boot, now)
local peer_before = device.peer
device.peer = peer
save(device)
return reply(previous and "claimed" or "owned", state_of(device), previous, peer_before)
