-- Requests of a device that have no final answer, in order of acceptance.
local name, given = unpack(ARGV)
return reply("open", listed(open_requests(name, (clock(given)))))
