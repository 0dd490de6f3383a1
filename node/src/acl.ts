import type { Acl } from "./vocabulary";

/** Permissions of an access control list entry; add them up. */
export const Perms = {
  READ: 1,
  WRITE: 2,
  CREATE: 4,
  DELETE: 8,
  ADMIN: 16,
  ALL: 31,
} as const;

/** Everything to everyone: what `create` uses when it is given no list. */
export const OPEN_ACL: readonly Acl[] = [{ perms: Perms.ALL, scheme: "world", id: "anyone" }];

/** Reading to everyone. */
export const READ_ACL: readonly Acl[] = [{ perms: Perms.READ, scheme: "world", id: "anyone" }];

/** Everything to the identities of the session that creates. */
export const CREATOR_ACL: readonly Acl[] = [{ perms: Perms.ALL, scheme: "auth", id: "" }];
