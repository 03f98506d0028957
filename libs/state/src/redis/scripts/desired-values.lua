-- What is desired of a device and not fulfilled: of each key, value and version.
local values, versions = key(DESIRED_VALUES, ARGV[1]), key(DESIRED_VERSIONS, ARGV[1])
local found = {}
local all = redis.call("HGETALL", values)
for i = 1, #all, 2 do found[#found + 1] = { all[i], all[i + 1], redis.call("HGET", versions, all[i]) } end
return reply("found", found)
