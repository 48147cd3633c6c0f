/* Seal keys: what is linked here must open everywhere. */
#include "web/oauth_keys.h"

#include "store/seal_canary.h"

enum sw_err
oauth_keys_check(struct program *program, struct arena *arena)
{
	struct store_canaries found;
	enum sw_err err =
	    store_canary_check(program->db, arena, &program->config.seal_keys, &found);

	for (size_t i = 0; err == SW_OK && i < found.count; i++) {
		if (found.canaries[i].state != STORE_CANARY_WRONG)
			continue;
		config_complain_seal_key(&program->config, found.canaries[i].key_id);
		err = SW_EINPUT;
	}
	return err;
}

enum sw_err
oauth_keys_start(struct program *program)
{
	struct arena arena = {0};
	enum sw_err err = oauth_keys_check(program, &arena);

	arena_free(&arena);
	return err;
}
