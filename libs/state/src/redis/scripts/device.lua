-- What all steps on a shard share. KEYS[1] is the shard's prefix; every key that a step touches begins with it.
-- The names of keys and limits are put in front by scripts.ts.

local quarantined, dropped = 0, 0

local function key(kind, name)
  return KEYS[1] .. kind .. (name or "")
end

-- Every step's answer: its type, how many values were quarantined, how many outbox entries the limit cost, then what the type says.
local function reply(type, ...)
  return { type, quarantined, dropped, ... }
end

-- The later one of the caller's clock and Redis' own; and Redis' own. ms since 1970.
local function clock(given)
  local time = redis.call("TIME")
  local server = time[1] * 1000 + math.floor(time[2] / 1000)
  return math.max(tonumber(given), server), server
end

-- Moves a device that cannot be parsed out of the way, for a week. Its pointers find nothing from now on.
local function quarantine(name)
  quarantined = quarantined + 1
  redis.call("RENAME", key(DEVICE, name), key(BAD .. DEVICE, name))
  redis.call("PEXPIRE", key(BAD .. DEVICE, name), QUARANTINE_MS)
  redis.call("ZREM", key(EXPIRIES), name)
end

-- A device is one string: see device-record.ts. Numbers are exact below 2^53.
local SECURED = 128
local DEVICE_FORMAT = ">BI6I6I6I6I6I4I8HHc0Hc0Hc0Hc0Hc0Hc0I4c0I4c0I4c0"

local function unpack_device(packed)
  local version, generation, registered, updated, expires, seen, lifetime, epoch, message_id,
    id, boot, digest, peer, binding, sms, links, observed, rest, next_byte = struct.unpack(DEVICE_FORMAT, packed)
  if version % SECURED ~= 1 or next_byte ~= #packed + 1 then error("not a device") end
  return {
    packed = packed, secured = version >= SECURED, generation = generation, registered = registered, updated = updated, expires = expires, seen = seen,
    lifetime = lifetime, epoch = epoch, message_id = message_id, id = id, boot = boot, digest = digest, peer = peer,
    binding = binding, sms = sms, links = links, observed = observed, rest = rest,
  }
end

-- The device of this name; nil when there is none, or none that can be parsed.
local function load(name)
  local packed = redis.pcall("GET", key(DEVICE, name))
  if not packed then return nil end
  local ok, device = pcall(unpack_device, packed)
  if not ok then
    quarantine(name)
    return nil
  end
  device.name = name
  return device
end

local function save(device)
  local d = device
  d.packed = struct.pack(DEVICE_FORMAT, d.secured and SECURED + 1 or 1, d.generation, d.registered, d.updated, d.expires, d.seen, d.lifetime, d.epoch,
    d.message_id, #d.id, d.id, #d.boot, d.boot, #d.digest, d.digest, #d.peer, d.peer, #d.binding, d.binding, #d.sms, d.sms,
    #d.links, d.links, #d.observed, d.observed, #d.rest, d.rest)
  redis.call("SET", key(DEVICE, d.name), d.packed)
end

local function set_expiry(device, expires)
  device.expires = expires
  redis.call("ZADD", key(EXPIRIES), expires, device.name)
end

-- The observations of a device, each { token, text }; none when they do not parse.
local function observations(device)
  local ok, list = pcall(function()
    local list, at = {}, 1
    while at <= #device.observed do
      local token, text
      token, text, at = struct.unpack(">Bc0Hc0", device.observed, at)
      list[#list + 1] = { token, text }
    end
    return list
  end)
  if ok then return list end
  quarantined = quarantined + 1
  return {}
end

local function holds(device, token)
  for _, observation in ipairs(observations(device)) do
    if observation[1] == token then return true end
  end
  return false
end

-- The device that a datagram proves: by registration id, by the token of an observation, or by name.
local function find(proof, value)
  if proof == "name" then return load(value) end
  if proof == "id" then
    local name = redis.call("GET", key(REGISTRATION_ID, value))
    local device = name and load(name)
    if device and device.id == value then return device end
    if name then redis.call("DEL", key(REGISTRATION_ID, value)) end
    return nil
  end
  local name = redis.call("HGET", key(TOKENS), value)
  local device = name and load(name)
  if device and holds(device, value) then return device end
  if name then redis.call("HDEL", key(TOKENS), value) end
  return nil
end

-- isSenders of sender.ts; `sender` is the name of the sender's device, empty without DTLS.
local function is_senders(device, sender)
  if sender == "" then return not device.secured end
  return device.secured and device.name == sender
end

-- nextEpoch of epoch.ts.
local function next_epoch(stored, slot, now)
  return math.max(math.floor(stored / 256) + 1, now) * 256 + slot
end

-- Makes a node the owner; answers the owner before as { epoch, boot id } when that was another, else false.
local function take(device, slot, boot, now)
  device.seen = now
  if device.epoch % 256 == slot and device.boot == boot then return false end
  local previous = { device.epoch, device.boot }
  device.epoch = next_epoch(device.epoch, slot, now)
  device.boot = boot
  device.message_id = (device.message_id + MESSAGE_ID_JUMP) % 65536
  return previous
end

local function is_owner(device, epoch, boot)
  return device ~= nil and device.epoch == tonumber(epoch) and device.boot == boot
end

-- Whoever is not the owner learns who is.
local function stale(device)
  if device == nil then return reply("stale") end
  return reply("stale", device.epoch, device.boot)
end

-- Adds an entry to the outbox: what it is, whose, the packed device or the response, and why (or the content type).
local function publish_later(now, kind, name, value, why)
  local outbox = key(OUTBOX)
  local id = redis.pcall("XADD", outbox, string.format("%.0f-*", now), "k", kind, "n", name, "v", value, "w", why)
  -- An earlier entry has a later time: its writer's clock is ahead of ours.
  if type(id) == "table" then id = redis.call("XADD", outbox, "*", "k", kind, "n", name, "v", value, "w", why) end
  if redis.call("XLEN", outbox) > OUTBOX_MAX_ENTRIES then
    dropped = dropped + redis.call("XTRIM", outbox, "MAXLEN", OUTBOX_MAX_ENTRIES)
  end
  return id
end

-- What of a device steps answer as its state: the packed device, how many requests are open and how many values are desired.
local function state_of(device)
  local queue, values = key(QUEUE, device.name), key(DESIRED_VALUES, device.name)
  if redis.call("EXISTS", queue, values) == 0 then return { device.packed, 0, 0 } end -- As a rule; one call is cheaper than two.
  return { device.packed, redis.call("ZCARD", queue), redis.call("HLEN", values) }
end

-- Stores a device with the pointers to it and its expiry.
local function keep(device, expires, tokens)
  set_expiry(device, expires)
  save(device)
  redis.call("SET", key(REGISTRATION_ID, device.id), device.name)
  for _, token in ipairs(tokens) do redis.call("HSET", key(TOKENS), token, device.name) end
end

-- Removes a device with its pointers and observations. What waits for it stays.
local function forget(device)
  for _, observation in ipairs(observations(device)) do redis.call("HDEL", key(TOKENS), observation[1]) end
  redis.call("DEL", key(DEVICE, device.name), key(REGISTRATION_ID, device.id))
  redis.call("ZREM", key(EXPIRIES), device.name)
end

-- Ends a registration. Its generation or epoch is remembered for a while, and until the clock is beyond it.
local function finish_registration(device, kind, now, why)
  forget(device)
  local ended = math.max(device.generation, math.floor(device.epoch / 256))
  local lapses = math.max(ended + 1, now + ENDED_MEMORY_MS)
  redis.call("SET", key(ENDED, device.name), string.format("%.0f", ended), "PXAT", string.format("%.0f", lapses))
  return publish_later(now, kind, device.name, device.packed, why)
end

-- The generation or epoch, ms, that a device's registration ended at not long ago; else 0.
local function ended_at(name)
  return tonumber(redis.call("GET", key(ENDED, name)) or 0)
end
