-- Whether a job of this status has not ended.
local function lives(status)
  return status == 'queued' or status == 'running'
end
