-- Reads the association of a device.
local a = load(ARGV[1])
return reply("found", a and a.packed or false)
