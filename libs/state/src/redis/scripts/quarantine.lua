-- Quarantines a device whose parts only the node can parse.
local device = find(ARGV[1], ARGV[2])
if device then quarantine(device.name) end
return reply("done")
