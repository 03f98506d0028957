-- Reads a device.
local name, given = unpack(ARGV)
local device = load(name)
if not device or clock(given) >= device.expires + EXPIRY_GRACE_MS then return reply("notFound") end
return reply("found", device.packed)
