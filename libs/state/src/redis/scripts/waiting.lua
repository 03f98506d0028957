-- What the steps on that which waits for a device share, behind device.lua: requests and desired values.

-- The state of a device by name; false when there is none, or it lapsed beyond the grace.
local function state_at(name, now)
  local device = load(name)
  return device ~= nil and now < device.expires + EXPIRY_GRACE_MS and state_of(device)
end

-- Moves a key's expiry on, never back.
local function keep_until(key, time)
  if tonumber(time) > redis.call("PEXPIRETIME", key) then redis.call("PEXPIREAT", key, time) end
end

-- A request that is open or answered, without what it asks for; nil when there is none, or its memory lapsed.
-- `finished`: until when its final answer is remembered.
local function load_request(name, id, now)
  local request = key(REQUEST, id .. ":" .. name)
  local fields = redis.call("HMGET", request, "until", "type", "dispatched", "finished", "expires", "displaced", "digest", "fast")
  if not fields[1] or now >= tonumber(fields[1]) then return nil, request end
  return {
    id = id, name = name, type = fields[2], dispatched = fields[3], finished = fields[4], expires = fields[5],
    displaced = fields[6] == "1", digest = fields[7], fast = fields[8],
  }, request
end

local function forget_open(name, id)
  redis.call("ZREM", key(OPEN_REQUESTS), id .. ":" .. name)
  redis.call("ZREM", key(QUEUE, name), id)
end

-- Ends a request: its answer is remembered until `remembered`, and that it is finished for as long as it could be accepted anew. The answer may be large.
local function end_request(known, request, now, remembered)
  local lapses = string.format("%.0f", math.max(known.expires, now) + ANSWER_MEMORY_MS)
  redis.call("HDEL", request, "request")
  redis.call("HSET", request, "finished", string.format("%.0f", remembered), "until", lapses)
  redis.call("PEXPIREAT", request, lapses)
  forget_open(known.name, known.id)
end

-- Forgets what of the shard lapsed unanswered. That is few: a router ends a request soon after its expiry.
local function forget_lapsed(now)
  for _, member in ipairs(redis.call("ZRANGEBYSCORE", key(OPEN_REQUESTS), "-inf", string.format("%.0f", now - OPEN_MEMORY_MS))) do
    local id, name = string.match(member, "^([^:]*):(.*)$")
    forget_open(name, id)
  end
end

-- Stores an open request, at a place in its device's queue.
local function keep_request(name, id, place, now, bytes, content_type, expires, digest, fast)
  local request, queue = key(REQUEST, id .. ":" .. name), key(QUEUE, name)
  local due = math.max(tonumber(expires), now)
  local lapses = string.format("%.0f", due + OPEN_MEMORY_MS)
  redis.call("DEL", request)
  redis.call("HSET", request, "request", bytes, "type", content_type, "expires", expires, "until", lapses, "digest", digest, "fast", fast)
  redis.call("PEXPIREAT", request, lapses)
  redis.call("ZADD", key(OPEN_REQUESTS), string.format("%.0f", due), id .. ":" .. name)
  redis.call("ZADD", queue, place, id)
  keep_until(queue, lapses)
end

-- What an open request asks for.
local function bytes_of(request)
  return redis.call("HGET", key(REQUEST, request.id .. ":" .. request.name), "request") or ""
end

-- An open request as steps answer it: id, name, content type, expiry, whether it fails fast and is displaced, who dispatched it; and what it asks for, if given.
local function told(request, bytes)
  local r = request
  return { r.id, r.name, r.type, r.expires, r.fast, r.displaced and "1" or "0", r.dispatched, bytes }
end

-- The two parts of a version as it is stored, `offset@ms`.
local function version_of(stored)
  local version, written = string.match(stored, "^(%d+)@(%d+)$")
  return version, written
end

-- Whether a is newer than b: see DesiredVersion.
local function is_newer(a, a_written, b, b_written)
  return tonumber(a) > tonumber(b) or tonumber(a_written) > tonumber(b_written)
end

-- Remembers the last version of a desired value; where versions are too many, that of the oldest one that waits for nothing goes.
local function remember_version(name, of, version, written, now)
  local values, versions = key(DESIRED_VALUES, name), key(DESIRED_VERSIONS, name)
  redis.call("HSET", versions, of, version .. "@" .. written)
  if redis.call("HLEN", versions) > MAX_DESIRED_VALUES then
    local all, idle = redis.call("HGETALL", versions), {}
    for i = 1, #all, 2 do
      local at, ms = version_of(all[i + 1])
      if redis.call("HEXISTS", values, all[i]) == 0 then idle[#idle + 1] = { all[i], tonumber(ms), tonumber(at) } end
    end
    table.sort(idle, function(a, b)
      if a[2] ~= b[2] then return a[2] < b[2] end
      if a[3] ~= b[3] then return a[3] < b[3] end
      return a[1] < b[1]
    end)
    if idle[1] then redis.call("HDEL", versions, idle[1][1]) end
  end
  local lapses = string.format("%.0f", now + DESIRED_MEMORY_MS)
  redis.call("PEXPIREAT", values, lapses)
  redis.call("PEXPIREAT", versions, lapses)
end
