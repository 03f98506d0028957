-- Adds and removes observations of an owned device: ARGV[4] tokens to remove, then pairs to add.
local name, epoch, boot, removals = unpack(ARGV, 1, 4)
local device = load(name)
if not is_owner(device, epoch, boot) then return stale(device) end

observations(name) -- Out of the way if they do not parse.
local first_added = 5 + removals
for i = 5, first_added - 1 do
  if redis.call("HDEL", key(OBSERVATIONS, name), ARGV[i]) == 1 then redis.call("HDEL", key(TOKENS), ARGV[i]) end
end
add_observations(name, first_added)
return reply("done")
