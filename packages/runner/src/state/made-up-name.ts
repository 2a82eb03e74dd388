const qualities =
  "able bold brave bright brisk calm clear cool deft eager fair fast fine fond free fresh gentle glad grand happy hardy honest jolly keen kind light lively lucky mellow merry mild neat nimble noble placid proud quick quiet ready sharp sleek smart snug solid sound spry steady still stout sturdy sunny swift tidy trim true trusty vivid warm wise witty".split(
    " ",
  );
const things =
  "anchor barge bay beacon boat bollard boom bow brig buoy canal cape cargo chart clipper coast compass convoy cove crane crate crew cutter davit deck delta derrick dinghy dock ferry fjord fleet fender galley gangway gull harbor hatch haven hawser helm hold hull island jetty keel ketch lagoon lighter lock log lugger mast mole mooring oar pallet pier pilot port prow quay raft reef rigging rudder sail schooner sextant shore skiff sloop sound spar stern strait tackle tide tiller tug vessel voyage wharf winch yard yawl".split(
    " ",
  );

/** A name for what nobody named, easy to say and to type: "steady_anchor". */
export function madeUpName(): string {
  return `${oneOf(qualities)}_${oneOf(things)}`;
}

// That it is free is seen to by whoever takes it.
function oneOf(words: readonly string[]): string {
  return words[Math.floor(Math.random() * words.length)] ?? "";
}
