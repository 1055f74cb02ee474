-- The shipped roles, solution areas and solution plays of a co-sell deal, by their words in Partner
-- Center.  Microsoft replaces areas and plays each fiscal year: a profile's own taxonomy.lua takes
-- the place of these lists.  A play may stand under two areas.  Where the API calls one otherwise
-- than by its label, give that as `id`.
return {
  roles = {
    { label = "Presales envisioning" },
    { label = "Solution design" },
    { label = "Proof of concept" },
    { label = "Business strategy" },
    { label = "Deployment services" },
    { label = "Adoption and change management" },
    { label = "Transaction" },
    { label = "Managed services" },
  },
  areas = {
    { label = "Cloud and AI Platforms", plays = {
      { label = "Migrate and Modernize Your Estate" },
      { label = "Unify Your Data Platform" },
      { label = "Innovate with Azure AI Apps and Agents" },
      { label = "Scale with Cloud and AI Endpoints" },
    } },
    { label = "AI Business Solutions", plays = {
      { label = "Copilot and Agents at Work" },
      { label = "Innovate with Low Code AI and Agents" },
      { label = "Scale Business Operations with AI" },
      { label = "Service Transformation with AI" },
      { label = "Sales Transformation with AI" },
      { label = "ERP Transformation with AI" },
      { label = "AI Ready with Surface Copilot PCs" },
      { label = "Secure AI Productivity" },
      { label = "Data Security" },
    } },
    { label = "Security", plays = {
      { label = "Modern SecOps with Unified Platform" },
      { label = "Protect Cloud AI Platform and Apps" },
      { label = "Data Security" },
      { label = "Secure AI Productivity" },
      { label = "Converged Communications" },
    } },
  },
}
