# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.


"""Promotions leg by leg, hooks, announced events, alarms acted on.

Revision ID: 0004
Revises: 0003
"""

from alembic import op
import sqlalchemy as sa

from shadow_reserve.db import types


revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'promotions',
        sa.Column('sequence', sa.Integer(), autoincrement=True,
                  nullable=False),
        sa.Column('promotion_id', sa.String(length=36), nullable=False),
        sa.Column('token', sa.String(length=36), nullable=False),
        sa.Column('instance_id', sa.String(length=36), nullable=False),
        sa.Column('server_id', sa.String(length=36), nullable=True),
        sa.Column('tier', sa.String(length=64), nullable=False),
        sa.Column('source', sa.String(length=64), nullable=False),
        sa.Column('metric', sa.String(length=64), nullable=True),
        sa.Column('signalled_at', types.UtcDateTime(), nullable=True),
        sa.Column('heard_at', types.UtcDateTime(), nullable=True),
        sa.Column('claimed_at', types.UtcDateTime(), nullable=False),
        sa.Column('requested_at', types.UtcDateTime(), nullable=True),
        sa.Column('active_at', types.UtcDateTime(), nullable=True),
        sa.Column('joined_at', types.UtcDateTime(), nullable=True),
        sa.Column('ended_at', types.UtcDateTime(), nullable=True),
        sa.Column('outcome', sa.String(length=64), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('useful', sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(['token'], ['reservations.token']),
        sa.PrimaryKeyConstraint('sequence'),
        sa.UniqueConstraint('promotion_id'),
        mysql_charset='utf8mb4', mysql_engine='InnoDB')
    op.create_table(
        'turns',
        sa.Column('name', sa.String(length=64), nullable=False),
        sa.Column('holder', sa.String(length=36), nullable=False),
        sa.Column('until', types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint('name'),
        mysql_charset='utf8mb4', mysql_engine='InnoDB')
    with op.batch_alter_table('promotions') as table:
        table.create_index('ix_promotions_token', ['token'])
        table.create_index('ix_promotions_instance_id', ['instance_id'])
    op.create_table(
        'member_hooks',
        sa.Column('instance_id', sa.String(length=36), nullable=False),
        sa.Column('hook_id', sa.String(length=36), nullable=False),
        sa.Column('hook', types.Json(), nullable=False),
        sa.Column('state', sa.String(length=64), nullable=False),
        sa.Column('since', types.UtcDateTime(), nullable=False),
        sa.Column('deadline', types.UtcDateTime(), nullable=False),
        sa.Column('delivery_id', sa.String(length=36), nullable=False),
        sa.Column('asked_at', types.UtcDateTime(), nullable=True),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('generation', sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ['instance_id'], ['shadow_instances.instance_id']),
        sa.PrimaryKeyConstraint('instance_id', 'hook_id'),
        mysql_charset='utf8mb4', mysql_engine='InnoDB')
    with op.batch_alter_table('member_hooks') as table:
        table.create_index('ix_member_hooks_state', ['state'])
    with op.batch_alter_table('shadow_instances') as table:
        table.add_column(sa.Column(
            'joined_at', types.UtcDateTime(), nullable=True))
    with op.batch_alter_table('trigger_alarms') as table:
        table.add_column(sa.Column(
            'acted_for', sa.String(length=64), nullable=True))
    with op.batch_alter_table('events') as table:
        # What happened before this release is no news any more.
        table.add_column(sa.Column(
            'announced', sa.Boolean(), nullable=False,
            server_default=sa.true()))
    with op.batch_alter_table('events') as table:
        table.alter_column(
            'announced', existing_type=sa.Boolean(),
            existing_nullable=False, server_default=sa.false())
        table.create_index('ix_events_announced', ['announced'])
