-- The database roles: one per program, each allowed only what its program does, and one for people
-- who look.  Their rights are in functions/.  Roles belong to the cluster, not to one database: this
-- file runs before all others and changes nothing when all roles exist.  Creating them needs
-- CREATEROLE; an administrator can run this file beforehand instead.
--
-- A role has no password until somebody sets one, so no one can sign in with it over the network.
-- The role that runs this becomes a member of each, so that one URL serves all programs with
-- "options=-c role=switchboard_…" where roles with passwords of their own are not to be had.
DO $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT * FROM (VALUES
	    ('switchboard_oauth', 'Switchboard''s oauth.fcgi: links accounts, seals tokens, opens sessions'),
	    ('switchboard_webhook', 'Switchboard''s webhook.fcgi: stores events; cannot read a token'),
	    ('switchboard_dashboard', 'Switchboard''s dashboard.fcgi: shows switches, queues commands; cannot read a token'),
	    ('switchboard_events', 'Switchboard''s event streamer: reads changes; cannot read a token'),
	    ('switchboard_worker', 'Switchboard''s worker: calls the platform, refreshes tokens'),
	    ('switchboard_reader', 'People who look at Switchboard''s state; sees no secret'))
	    AS role (name, what)
	LOOP
		IF to_regrole(r.name) IS NULL AND NOT (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user) THEN
			RAISE EXCEPTION 'role % is missing and % may not create it: give it CREATEROLE, or have an administrator run roles.sql',
			    r.name, current_user;
		END IF;
		-- Another database of the cluster may be set up at the same moment.
		BEGIN
			IF to_regrole(r.name) IS NULL THEN
				EXECUTE format('CREATE ROLE %I LOGIN', r.name);
				EXECUTE format('COMMENT ON ROLE %I IS %L', r.name, r.what);
				EXECUTE format('ALTER ROLE %I SET search_path = switchboard', r.name);
			END IF;
		EXCEPTION WHEN duplicate_object OR unique_violation THEN
			NULL;
		END;
		BEGIN
			IF NOT pg_has_role(current_user, r.name, 'MEMBER') THEN
				EXECUTE format('GRANT %I TO %I', r.name, current_user);
			END IF;
		EXCEPTION WHEN insufficient_privilege THEN
			NULL;
		END;
	END LOOP;
END
$$;
