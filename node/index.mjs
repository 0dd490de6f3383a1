// One implementation for both module systems: an object that `require` made is the same class.
import pinfold from "./dist/index.js";

export const {
  Claim,
  Client,
  CreateMode,
  CREATOR_ACL,
  ErrorCode,
  EventKind,
  EventStream,
  LeaderElection,
  Leadership,
  Master,
  OPEN_ACL,
  Outcome,
  Perms,
  PinfoldError,
  READ_ACL,
  Recipe,
  RecipeEventKind,
  Server,
  SessionState,
  submit,
  TaskQueue,
  Watch,
  WatchMode,
  Worker,
} = pinfold;
