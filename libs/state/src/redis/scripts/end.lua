-- Ends a registration, for the device that deregisters or for an operator.
local proof, value, given, why, sender = unpack(ARGV)
local device = find(proof, value)
if not device or sender and not is_senders(device, sender) then return reply("notFound") end

local now = clock(given)
local entry = finish_registration(device, "deregistered", now, why)
return reply("deregistered", device.packed, entry)
