-- Ends an association, unless the device has made another one.
local name, id = unpack(ARGV)
local a = load(name)
if not a or a.id ~= id then return reply("gone") end
forget(name)
return reply("done", a.packed)
