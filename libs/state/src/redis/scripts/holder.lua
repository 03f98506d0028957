-- Boot id of the life that holds the slot of a key; nil when nobody does: what does not parse holds nothing.
local function holder(key)
  local ok, boot = pcall(function() return cjson.decode(redis.call("GET", key)).bootId end)
  return ok and boot or nil
end

