-- Reads a device.
local proof, value, given = unpack(ARGV)
local device = find(proof, value)
if not device or clock(given) >= device.expires + EXPIRY_GRACE_MS then return reply("notFound") end
return reply("found", state_of(device))
