-- Adds and removes observations of an owned device: ARGV[4] tokens to remove, then pairs of token and text to add.
local name, epoch, boot, removals = unpack(ARGV, 1, 4)
local device = load(name)
if not is_owner(device, epoch, boot) then return stale(device) end

local first_added = 5 + removals
local replaced = {}
for i = first_added, #ARGV, 2 do replaced[ARGV[i]] = true end
local removed = {}
for i = 5, first_added - 1 do removed[ARGV[i]] = true end

local observed = {}
for _, observation in ipairs(observations(device)) do
  local token, text = unpack(observation)
  if removed[token] then redis.call("HDEL", key(TOKENS), token) end
  if not removed[token] and not replaced[token] then
    observed[#observed + 1] = struct.pack(">Bc0Hc0", #token, token, #text, text)
  end
end
for i = first_added, #ARGV, 2 do
  local token, text = ARGV[i], ARGV[i + 1]
  redis.call("HSET", key(TOKENS), token, name)
  observed[#observed + 1] = struct.pack(">Bc0Hc0", #token, token, #text, text)
end
device.observed = table.concat(observed)
save(device)
return reply("done")
