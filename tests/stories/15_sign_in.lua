-- Signing in to the CRM with a certificate instead of a secret, by both algorithms.
local kit = require "commands.kit"

local function by_certificate(algorithm)
  return function(text, s)
    local instead = ('certificate = { key = { file = "%s/crm_key.pem" }, ' ..
      'cert = { file = "%s/crm_cert.pem" }, algorithm = "%s" }'):format(s.dir, s.dir, algorithm)
    return (text:gsub('secret = { file = "[^"]*/crm_secret" }', function() return instead end))
  end
end

return function(t)
  for _, algorithm in ipairs { "PS256", "RS256" } do
    t.case("sign-in: a certificate assertion by " .. algorithm, function()
      kit.with({ edit = by_certificate(algorithm) }, function(s)
        t.has(assert(host.file.read(s.profile .. "/profile.lua")), "crm_key.pem", "the profile")
        s:act("portal-create", {})
        s:rest()
        t.eq(#kit.opportunities(s), 1, "opportunities")
      end)
    end)
  end
end
