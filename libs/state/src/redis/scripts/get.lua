-- Reads a device.
local name, given = unpack(ARGV)
local state = state_at(name, (clock(given)))
if not state then return reply("notFound") end
return reply("found", state)
