-- The body and the headers of an invocation, for wrk; AUTHORIZATION and BODY come from the environment.
wrk.method = "POST"
wrk.body = os.getenv("BODY")
wrk.headers["Content-Type"] = "application/json"
if os.getenv("AUTHORIZATION") then wrk.headers["Authorization"] = os.getenv("AUTHORIZATION") end
local wrong = 0
function response(status) if status ~= 200 then wrong = wrong + 1 end end
