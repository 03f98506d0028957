-- Gives ownership up: nobody has the device until its next datagram.
local name, epoch, boot = unpack(ARGV)
local device = load(name)
if is_owner(device, epoch, "") then return reply("done") end
if not is_owner(device, epoch, boot) then return stale(device) end

device.boot = ""
save(device)
return reply("done")
